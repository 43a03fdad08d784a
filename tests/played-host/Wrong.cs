namespace Gemma2.PlayedHost;

/// <summary>What no real host does.</summary>
internal enum Wrong
{
    /// <summary>Sends a message that the protocol does not have.</summary>
    UnknownMessage,

    /// <summary>Loads a function that the worker does not have, as from the metadata of another build.</summary>
    UnknownFunction,

    /// <summary>Starts a worker that has started: initializes it and loads its functions once more.</summary>
    SecondStart,
}
