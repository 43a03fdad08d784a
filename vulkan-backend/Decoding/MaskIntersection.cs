using System.Numerics.Tensors;

namespace Gemma2.Backend.Decoding;

/// <summary>Allows what two masks both allow.</summary>
internal sealed class MaskIntersection(ITokenMask first, ITokenMask second, int vocabularySize) : ITokenMask
{
    private readonly uint[] _both = new uint[TokenBits.Words(vocabularySize)];
    private bool _isCurrent;

    /// <inheritdoc/>
    public ReadOnlySpan<uint> Allowed
    {
        get
        {
            ReadOnlySpan<uint> a = first.Allowed, b = second.Allowed;
            if (a.IsEmpty) return b;
            if (b.IsEmpty) return a;
            if (!_isCurrent) TensorPrimitives.BitwiseAnd(a, b, _both);
            _isCurrent = true;
            return _both;
        }
    }

    /// <inheritdoc/>
    public void Accept(int token)
    {
        _isCurrent = false;
        first.Accept(token);
        second.Accept(token);
    }

    /// <inheritdoc/>
    public void Rewind(int count)
    {
        _isCurrent = false;
        first.Rewind(count);
        second.Rewind(count);
    }
}
