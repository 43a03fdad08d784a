namespace Gemma2.Service.Options;

/// <summary>What is taken of how a model's makers want tokens picked. End tokens are taken either way.</summary>
internal enum GenerationConfigUse
{
    /// <summary>All of it, where a request says nothing.</summary>
    Auto,

    /// <summary>None of it.</summary>
    None,
}
