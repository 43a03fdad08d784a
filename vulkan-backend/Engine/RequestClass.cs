namespace Gemma2.Backend.Engine;

/// <summary>Who goes first.</summary>
public enum RequestClass
{
    /// <summary>Somebody waits for the tokens as they come.</summary>
    Interactive,

    /// <summary>Work that only has to get done: it takes what interactive requests leave, and a little in any case.</summary>
    Batch,
}
