using System.Security.Cryptography;
using System.Text;

namespace Gemma2.Storage.Models;

/// <summary>How a file's bytes are summed up.</summary>
public enum ContentHashKind
{
    /// <summary>SHA-256 of the bytes.</summary>
    Sha256,

    /// <summary>SHA-1 of "blob", a space, the length in decimal, a zero byte and the bytes: how Git names a file's content.</summary>
    GitBlob,
}

/// <summary>What a file's bytes must sum up to.</summary>
/// <param name="Kind">How they are summed up.</param>
/// <param name="Hex">The sum, in lower-case hexadecimal digits.</param>
public sealed record ContentHash(ContentHashKind Kind, string Hex)
{
    /// <summary>A SHA-256.</summary>
    public static ContentHash Sha256(string hex) => new(ContentHashKind.Sha256, hex);

    /// <summary>Begins the sum of a file of this length.</summary>
    internal static IncrementalHash Begin(ContentHashKind kind, long length)
    {
        if (kind == ContentHashKind.Sha256) return IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        hash.AppendData(Encoding.ASCII.GetBytes($"blob {length}\0"));
        return hash;
    }

    /// <summary>As messages say it: "SHA-256 ab12...".</summary>
    public override string ToString() => $"{(Kind == ContentHashKind.Sha256 ? "SHA-256" : "Git hash")} {Hex}";
}
