namespace Gemma2.Grammars.Regexes;

/// <summary>All divisions of bytes that expressions need, each made once.</summary>
internal sealed class ByteClassStore
{
    private readonly Dictionary<string, ByteClasses> _byMap = [];
    private readonly Dictionary<(int, int), ByteClasses> _joined = [];

    public ByteClassStore() => One = Intern(new byte[256]);

    /// <summary>All bytes in one class.</summary>
    public ByteClasses One { get; }

    /// <summary>A set and what is not in it.</summary>
    public ByteClasses Of(ByteSet set)
    {
        byte[] map = new byte[256];
        bool first = set.Contains(0);
        for (int value = 0; value < 256; value++) map[value] = set.Contains((byte)value) == first ? (byte)0 : (byte)1;
        return Intern(map);
    }

    /// <summary>Each byte of a set, and what is not in it.</summary>
    public ByteClasses Each(ByteSet set)
    {
        byte[] map = new byte[256];
        byte count = 0;
        Span<short> numbers = stackalloc short[257];
        numbers.Fill(-1);
        for (int value = 0; value < 256; value++)
        {
            ref short number = ref numbers[set.Contains((byte)value) ? value : 256];
            if (number < 0) number = count++;
            map[value] = (byte)number;
        }

        return Intern(map);
    }

    /// <summary>The coarsest division that is finer than two.</summary>
    public ByteClasses Join(ByteClasses left, ByteClasses right)
    {
        if (left == right || right == One) return left;
        if (left == One) return right;
        (int, int) key = (Math.Min(left.Id, right.Id), Math.Max(left.Id, right.Id));
        if (!_joined.TryGetValue(key, out ByteClasses? joined)) _joined.Add(key, joined = Intern(Product(left, right)));
        return joined;
    }

    private static byte[] Product(ByteClasses left, ByteClasses right)
    {
        byte[] map = new byte[256];
        Span<short> numbers = new short[left.Count * right.Count];
        numbers.Fill(-1);
        short count = 0;
        for (int value = 0; value < 256; value++)
        {
            ref short number = ref numbers[left.Map[value] * right.Count + right.Map[value]];
            if (number < 0) number = count++;
            map[value] = (byte)number;
        }

        return map;
    }

    private ByteClasses Intern(byte[] map)
    {
        string key = string.Create(256, map, (chars, bytes) =>
        {
            for (int i = 0; i < 256; i++) chars[i] = (char)bytes[i];
        });
        if (!_byMap.TryGetValue(key, out ByteClasses? classes)) _byMap.Add(key, classes = new(_byMap.Count, map));
        return classes;
    }
}
