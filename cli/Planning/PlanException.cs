using Gemma2.Backend;

namespace Gemma2.Cli.Planning;

/// <summary>A plan cannot be made: an input is wrong, missing, contradicts another, or the model does not fit the GPU.</summary>
internal sealed class PlanException(string message, Exception? inner = null) : Gemma2Exception(message, inner);
