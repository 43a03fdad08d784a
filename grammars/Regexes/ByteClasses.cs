namespace Gemma2.Grammars.Regexes;

/// <summary>A division of the 256 bytes into classes: what tells no bytes of a class apart is done once for all of them.</summary>
/// <param name="id">Its place among the store's divisions.</param>
/// <param name="map">The class of each byte; classes are numbered as they first come.</param>
internal sealed class ByteClasses(int id, byte[] map)
{
    /// <summary>Its place among the store's divisions.</summary>
    public int Id => id;

    /// <summary>The class of each byte.</summary>
    public byte[] Map => map;

    /// <summary>How many classes there are.</summary>
    public int Count { get; } = map.Max() + 1;

    /// <summary>The class of all characters of each group of <see cref="CharGroups.Ascii"/>; -1 where they are in several.</summary>
    public int[] GroupClasses { get; } = [.. CharGroups.Ascii.Select(group => group.All(value => map[value] == map[group[0]]) ? map[group[0]] : -1)];

    /// <summary>A byte of each class.</summary>
    public byte[] Examples { get; } = [.. Enumerable.Range(0, map.Max() + 1).Select(c => (byte)Array.IndexOf(map, (byte)c))];
}
