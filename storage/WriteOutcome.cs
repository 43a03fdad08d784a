namespace Gemma2.Storage;

/// <summary>Whether a blob that is written once was there already.</summary>
public enum WriteOutcome
{
    /// <summary>This call wrote it.</summary>
    Written,

    /// <summary>It was there, or an earlier try of this call wrote it and the reply was lost. Nothing was changed.</summary>
    AlreadyThere,
}
