namespace Gemma2.Chaos.Tests.Work;

/// <summary>What a line of a batch's input comes to.</summary>
internal enum LineKind
{
    /// <summary>It has an answer.</summary>
    Answered,

    /// <summary>It is a proper request that fails for its own reason.</summary>
    Fails,

    /// <summary>It is no proper request.</summary>
    Bad,
}
