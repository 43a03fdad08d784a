using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;

namespace Gemma2.Service.Batches;

/// <summary>Looks through a batch's input once and divides it into chunks, without copying it.</summary>
/// <param name="parser">Tells good lines from bad ones.</param>
/// <param name="limits">How much goes into a chunk.</param>
internal sealed class BatchSplitter(BatchLineParser parser, ChunkLimits limits)
{
    /// <summary>Most lines of an input, blank ones not counted.</summary>
    public const int MaxLines = 1_000_000;

    // Of a batch's bad lines so many are shown in its record; all are in its error file.
    private const int MaxErrors = 100;

    // 128 bits of SHA-256 stand for a custom_id: a million of them in 16 MB, and nobody can make two meet.
    private readonly HashSet<UInt128> _customIds = [];
    private readonly List<BatchChunk> _chunks = [];
    private readonly List<BatchError> _errors = [];
    private Part? _part;
    private int _lines;
    private int _good;
    private double _tokens;

    /// <summary>Reads the input to its end.</summary>
    /// <param name="input">The input from its first byte.</param>
    /// <param name="cancellationToken">Ends the read.</param>
    /// <returns>The plan: without chunks where there is no line, or too many.</returns>
    public async Task<BatchPlan> SplitAsync(Stream input, CancellationToken cancellationToken)
    {
        await foreach (FileLine line in LineReader.ReadAsync(input, 0, 1, cancellationToken))
        {
            if (line.IsBlank)
                continue;
            if (++_lines > MaxLines)
                return Nothing(new BatchError("too_many_lines", $"The input has more than {MaxLines} lines."));
            Add(line);
        }
        Close();
        if (_lines == 0)
            return Nothing(new BatchError("empty_file", "The input has no line that is not blank."));
        return new BatchPlan(_lines, _chunks, _errors, (long)_tokens, HasNoRequest: _good == 0);
    }

    private BatchPlan Nothing(BatchError error) => new(_lines, [], [error]);

    private void Add(FileLine line)
    {
        BatchLine read = parser.Parse(line);
        bool duplicate = read.CustomId is { } id && !_customIds.Add(Hash(id)) && read.Error is null;
        if (duplicate)
            read = BatchLineParser.Duplicate(read);
        if (read.Error is null)
            _good++;
        else if (_errors.Count < MaxErrors)
            _errors.Add(read.Error);

        if (_part is { } part && limits.IsFull(part.Lines, part.End - part.Offset, part.Tokens))
            Close();
        _part ??= new Part(line.Offset, line.Number);
        _part.Lines++;
        _part.End = line.Offset + line.Length;
        double tokens = ChunkLimits.Estimate(line, read.Request);
        _part.Tokens += tokens;
        _tokens += tokens;
        if (duplicate)
            _part.Duplicates.Add(line.Number);
    }

    private void Close()
    {
        if (_part is not { } part)
            return;
        _chunks.Add(new BatchChunk(_chunks.Count, part.Offset, part.End - part.Offset, part.FirstLine, part.Lines, part.Duplicates));
        _part = null;
    }

    private static UInt128 Hash(string customId) =>
        BinaryPrimitives.ReadUInt128LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(customId)));

    /// <summary>A chunk as it grows.</summary>
    private sealed class Part(long offset, int firstLine)
    {
        public long Offset { get; } = offset;

        public int FirstLine { get; } = firstLine;

        public int Lines { get; set; }

        public long End { get; set; }

        public double Tokens { get; set; }

        public List<int> Duplicates { get; } = [];
    }
}
