using System.Text;
using System.Text.Json;

namespace Gemma2.Grammars.Json;

/// <summary>A value in a schema document, with the way to it. Each value has one location: two that are equal are the same place.</summary>
internal sealed class SchemaLocation
{
    private readonly string _segment;
    private Dictionary<string, SchemaLocation>? _byName;
    private List<SchemaLocation>? _children;

    /// <summary>The location of a document.</summary>
    /// <param name="root">All of the document.</param>
    public SchemaLocation(JsonElement root)
        : this(root, null, "")
    {
    }

    private SchemaLocation(JsonElement value, SchemaLocation? parent, string segment) => (Value, Parent, _segment) = (value, parent, segment);

    /// <summary>The value.</summary>
    public JsonElement Value { get; }

    /// <summary>What it lies in; null for the document.</summary>
    public SchemaLocation? Parent { get; }

    /// <summary>Its name in the object, or number in the list, that it lies in.</summary>
    public string Name => _segment;

    /// <summary>Whether it is an object.</summary>
    public bool IsObject => Value.ValueKind == JsonValueKind.Object;

    /// <summary>Whether it is a list.</summary>
    public bool IsArray => Value.ValueKind == JsonValueKind.Array;

    /// <summary>An object's members or a list's items in their order; of anything else nothing.</summary>
    public IReadOnlyList<SchemaLocation> Children
    {
        get
        {
            if (_children is null) Open();
            return _children!;
        }
    }

    /// <summary>The JSON pointer to it.</summary>
    public string Pointer
    {
        get
        {
            Stack<string> segments = new();
            for (SchemaLocation at = this; at.Parent is not null; at = at.Parent) segments.Push(at._segment);
            var pointer = new StringBuilder();
            foreach (string segment in segments) pointer.Append('/').Append(segment.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal));
            return pointer.ToString();
        }
    }

    /// <summary>An object's member or a list's item; null where there is none.</summary>
    public SchemaLocation? this[string name]
    {
        get
        {
            if (_byName is null) Open();
            return _byName!.GetValueOrDefault(name);
        }
    }

    /// <summary>An error that names this place.</summary>
    public GrammarException Error(string message) => new(Pointer, message);

    private void Open()
    {
        (_children, _byName) = ([], []);
        if (IsArray)
        {
            foreach (JsonElement item in Value.EnumerateArray()) Add(item, _children.Count.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
        else if (IsObject)
        {
            foreach (JsonProperty member in Value.EnumerateObject()) Add(member.Value, member.Name);
        }
    }

    private void Add(JsonElement value, string name)
    {
        SchemaLocation child = new(value, this, name);
        if (!_byName!.TryAdd(name, child)) throw child.Error("This name comes twice in its object.");
        _children!.Add(child);
    }
}
