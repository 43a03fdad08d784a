using Gemma2.Backend;

namespace Gemma2.Storage.Jobs;

/// <summary>A job's id was used before, for another request.</summary>
/// <param name="key">The job.</param>
public sealed class JobConflictException(OwnedId key) : Gemma2Exception($"The job id '{key.Id}' was used for another request.");
