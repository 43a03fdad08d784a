namespace Gemma2.Grammars.Json;

/// <summary>The kinds of JSON values that a schema tells apart; true and false are kinds of their own.</summary>
[Flags]
internal enum JsonKinds
{
    /// <summary>No value.</summary>
    None = 0,

    /// <summary>null.</summary>
    Null = 1,

    /// <summary>true.</summary>
    True = 2,

    /// <summary>false.</summary>
    False = 4,

    /// <summary>Any number.</summary>
    Number = 8,

    /// <summary>Any string.</summary>
    Text = 16,

    /// <summary>Any list.</summary>
    Array = 32,

    /// <summary>Any object.</summary>
    Object = 64,

    /// <summary>true and false.</summary>
    Boolean = True | False,
}
