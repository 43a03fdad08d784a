namespace Gemma2.Grammars.Json;

/// <summary>How sets of values of one kind are put together: a formula is worked out once for each kind, as if there were no other values.</summary>
/// <typeparam name="TSet">A set of values of the kind.</typeparam>
internal interface IKindAlgebra<TSet>
{
    /// <summary>Which kind.</summary>
    JsonKinds Kind { get; }

    /// <summary>All values of the kind.</summary>
    TSet All { get; }

    /// <summary>No value.</summary>
    TSet None { get; }

    /// <summary>Whether no value is in a set, as far as that is plain.</summary>
    bool IsNone(TSet set);

    /// <summary>The values that are in both.</summary>
    TSet And(TSet left, TSet right);

    /// <summary>The values that are in either.</summary>
    TSet Or(TSet left, TSet right);

    /// <summary>The values that a keyword allows, or those that it does not; null where it says nothing of this kind.</summary>
    TSet? Keyword(Formula keyword, bool holds);
}
