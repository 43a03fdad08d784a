namespace Gemma2.Service.Model;

/// <summary>A try to load the model that failed.</summary>
/// <param name="Message">Why, in one line for users.</param>
/// <param name="Tries">Which try it was, from 1.</param>
/// <param name="At">When.</param>
/// <param name="NextTryIn">How long the next one waits, from then.</param>
internal sealed record LoadFailure(string Message, int Tries, DateTimeOffset At, TimeSpan NextTryIn);
