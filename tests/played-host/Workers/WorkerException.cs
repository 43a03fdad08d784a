namespace Gemma2.PlayedHost.Workers;

/// <summary>A worker did not do what it was asked to.</summary>
internal sealed class WorkerException(string message) : Exception(message);
