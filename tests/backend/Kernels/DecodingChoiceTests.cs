using Gemma2.Backend.Decoding;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Sampling;

namespace Gemma2.Backend.Tests.Kernels;

/// <summary>What the device tells of rows of logits, as <see cref="DecodingState"/> takes it: the same choices as from all logits.</summary>
public sealed class DecodingChoiceTests(DeviceFixture fixture) : KernelTest(fixture)
{
    private const int Rows = 64;
    private const int Vocabulary = 3000;
    private const double Cap = 30;

    [Fact]
    public void Choose_ThousandsOfRows_IsTheChoiceOfAllLogits()
    {
        var sampler = new Sampler(Vocabulary);
        var rows = new Batch(this);
        int decided = 0, open = 0, masked = 0;
        for (int run = 0; run < 40; run++)
        {
            DecodingState[] states = [.. Enumerable.Range(0, Rows).Select(row => RandomState((ulong)((run * Rows) + row)))];
            rows.Find(RandomLogits(run), states, _ => 0);
            for (int row = 0; row < Rows; row++)
            {
                TokenChoice? choice = states[row].Choose(rows.Candidates(row));
                TokenChoice expected = states[row].Choose(rows.Logits(row), sampler);
                if (states[row].DeviceMask is not null) masked++;
                if (choice is null)
                {
                    open++;
                    continue;
                }

                decided++;
                Assert.Equal(expected.Id, choice.Value.Id);
                AssertTold(expected, choice.Value);
            }
        }

        Assert.True(decided > 1500 && open > 50 && masked > 300, $"{decided} decided, {open} open, {masked} masked");
    }

    [Fact]
    public void Of_WantedTokens_AreTheLogProbabilitiesOfAllLogits()
    {
        var rows = new Batch(this);
        DecodingState[] states = [.. Enumerable.Range(0, Rows).Select(_ => new DecodingState(new SamplingOptions { Temperature = 0 }, [], [], Vocabulary))];
        for (int run = 0; run < 10; run++)
        {
            rows.Find(RandomLogits(run), states, row => row * 40);
            for (int row = 0; row < Rows; row++)
            {
                TokenChoice expected = LogProbabilities.Of(rows.Logits(row), row * 40, row % 21);
                TokenChoice told = LogProbabilities.Of(rows.Candidates(row), row % 21);
                Assert.Equal(row * 40, told.Id);
                AssertTold(expected, told);
            }
        }
    }

    private static void AssertTold(TokenChoice expected, TokenChoice told)
    {
        Assert.Equal(expected.LogProbability is null, told.LogProbability is null);
        if (expected.LogProbability is double logProbability) Assert.Equal(logProbability, told.LogProbability!.Value, Candidates.SumError);
        Assert.Equal(expected.Top.Select(one => one.Id), told.Top.Select(one => one.Id));
        foreach ((TokenLogProbability one, TokenLogProbability other) in expected.Top.Zip(told.Top))
            Assert.Equal(one.LogProbability, other.LogProbability, Candidates.SumError);
    }

    private DecodingState RandomState(ulong seed)
    {
        var options = new SamplingOptions
        {
            Temperature = Random.Next(4) == 0 ? 0 : 2 * Random.NextDouble(),
            TopK = Random.Next(3) == 0 ? Random.Next(300) : 0,
            TopP = Random.Next(3) == 0 ? 1 - Random.NextDouble() : 1,
            MinP = Random.Next(3) == 0 ? Random.NextDouble() : 0,
            RepetitionPenalty = Random.Next(3) == 0 ? 1 + Random.NextDouble() : 1,
            FrequencyPenalty = Random.Next(3) == 0 ? Random.NextDouble() : 0,
            LogitBias = Random.Next(3) == 0 ? new Dictionary<int, double> { [Random.Next(Vocabulary)] = -100 * Random.NextDouble() } : null,
            LogProbabilities = Random.Next(3) == 0 ? Random.Next(21) : null,
            MinTokens = Random.Next(3) == 0 ? Random.Next(20) : 0,
            Seed = seed,
        };
        int share = 1 << Random.Next(11);
        ITokenMask? mask = Random.Next(2) == 0 ? null : new FixedTokenMask(Vocabulary, Enumerable.Range(0, Vocabulary).Where(id => id % share == share / 2));
        var state = new DecodingState(options, [.. Enumerable.Range(0, Random.Next(50)).Select(_ => Random.Next(Vocabulary))], [1, 107], Vocabulary, mask);
        for (int token = Random.Next(10); token > 0; token--) state.Accept(Random.Next(Vocabulary));
        return state;
    }

    /// <summary>Flat, peaked and coarse rows in turns.</summary>
    private float[] RandomLogits(int run)
    {
        float[] logits = RandomNumbers(Rows * Vocabulary, 1 + (run % 5 * 8));
        if (run % 2 == 0)
            for (int row = 0; row < Rows; row++)
                for (int i = 0; i < 30; i++) logits[(row * Vocabulary) + Random.Next(Vocabulary)] += 20 - (0.5f * i);
        if (run % 3 == 0)
            for (int i = 0; i < logits.Length; i++) logits[i] = MathF.Round(logits[i]);
        return logits;
    }

    /// <summary>The kernel and its memory, used for batch after batch.</summary>
    private sealed class Batch
    {
        private readonly DecodingChoiceTests _test;
        private readonly CandidatesKernel _kernel;
        private readonly Activation _logits;
        private readonly ulong _scratch;
        private readonly ulong _wanted;
        private readonly ulong _masks;
        private readonly ulong _rows;

        public Batch(DecodingChoiceTests test)
        {
            _test = test;
            _kernel = test.Own(new CandidatesKernel(test.Device, Vocabulary));
            _logits = test.UploadRows(new float[Rows * Vocabulary], Vocabulary);
            _scratch = test.Upload<byte>(new byte[_kernel.ScratchBytes(Rows)]);
            _wanted = test.Upload<ResultRow>(new ResultRow[Rows]);
            _masks = test.Upload<uint>(new uint[Rows * TokenBits.Words(Vocabulary)]);
            _rows = test.Upload<CandidateRow>(new CandidateRow[Rows]);
        }

        /// <summary>Does what the engine does: uploads each sequence's mask, and lets the device look for candidates.</summary>
        public void Find(float[] logits, DecodingState[] states, Func<int, int> token)
        {
            int words = TokenBits.Words(Vocabulary);
            for (int row = 0; row < Rows; row++)
            {
                logits.AsSpan(row * Vocabulary, Vocabulary).CopyTo(Logits(row));
                ulong mask = 0;
                if (states[row].DeviceMask is ITokenMask wanted)
                {
                    mask = _masks + ((ulong)(row * words) * sizeof(uint));
                    wanted.Allowed.CopyTo(_test.Read<uint>(_masks, Rows * words)[(row * words)..]);
                }

                _test.Read<ResultRow>(_wanted, Rows)[row] = ResultRow.At(states[row].Temperature, token(row), mask);
            }

            _test.Run(commands => _kernel.Record(commands, _logits, Cap, _wanted, _scratch, _rows, Rows));
        }

        public Span<float> Logits(int row) => _test.Read<float>(_logits.Address, Rows * _logits.Stride).Slice(row * _logits.Stride, Vocabulary);

        public Candidates Candidates(int row) => _test.Read<CandidateRow>(_rows, Rows)[row]
            .Read(_test.Read<ResultRow>(_wanted, Rows)[row], Vocabulary, new Candidate[CandidatesKernel.Count]);
    }
}
