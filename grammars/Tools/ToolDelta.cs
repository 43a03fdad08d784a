namespace Gemma2.Grammars.Tools;

/// <summary>A part of an answer that may hold calls.</summary>
public abstract record ToolDelta
{
    private ToolDelta()
    {
    }

    /// <summary>Text of a reply.</summary>
    /// <param name="Text">What is new.</param>
    public sealed record Reply(string Text) : ToolDelta;

    /// <summary>A call begins.</summary>
    /// <param name="Index">Its number in the answer, from 0.</param>
    /// <param name="Name">The function that is called.</param>
    public sealed record CallStart(int Index, string Name) : ToolDelta;

    /// <summary>A call's arguments go on.</summary>
    /// <param name="Index">The call's number in the answer.</param>
    /// <param name="Text">What is new of their JSON text.</param>
    public sealed record Arguments(int Index, string Text) : ToolDelta;
}
