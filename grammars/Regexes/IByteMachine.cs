namespace Gemma2.Grammars.Regexes;

/// <summary>A state of an automaton over bytes that expressions cannot say briefly. States compare by what follows them.</summary>
internal interface IByteMachine
{
    /// <summary>Whether the text may end here.</summary>
    bool IsNullable { get; }

    /// <summary>The bytes that it takes; it tells each of them apart.</summary>
    ByteSet First { get; }

    /// <summary>The state after one of <see cref="First"/>.</summary>
    IByteMachine Next(byte value);
}
