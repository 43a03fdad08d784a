namespace Gemma2.Grammars.Syntax;

/// <summary>A node that others can refer to before it is known what it is: recursion goes through rules.</summary>
/// <param name="store">Where it is kept.</param>
/// <param name="name">Its name, for messages.</param>
internal sealed class GrammarRule(GrammarStore store, string name) : GrammarNode(store)
{
    private GrammarNode? _body;

    /// <summary>Its name, for messages.</summary>
    public string Name => name;

    /// <summary>What it is; set once, before anything is matched.</summary>
    public GrammarNode Body
    {
        get => _body ?? throw new InvalidOperationException($"Rule {name} has no body yet.");
        set => _body = _body is null ? value : throw new InvalidOperationException($"Rule {name} has a body.");
    }

    /// <inheritdoc/>
    protected override bool FindNullable() => Body.IsNullable;

    /// <inheritdoc/>
    protected override bool FindProductive() => Body.IsProductive;

    /// <inheritdoc/>
    protected override IEnumerable<Arm> Expand() => Body.Arms;

    /// <inheritdoc/>
    public override IEnumerable<GrammarNode> Beginnings => [Body];
}
