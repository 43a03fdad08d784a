using CsCheck;
using Gemma2.Backend.Decoding;

namespace Gemma2.Backend.Tests.Sampling;

public sealed class DecodingStateTests
{
    private static readonly int[] EndTokens = [1, 3];

    [Fact]
    public void Choose_AnyLogitsOptionsAndHistory_EqualsTheOracle()
    {
        int forbidden = 0;
        AnyCase.Sample(test =>
        {
            DecodingState state = test.MakeState();
            if (test.Allowed.Count == 0)
            {
                Interlocked.Increment(ref forbidden);
                Assert.Throws<GenerationException>(() => state.Choose([.. test.Logits], new Sampler(test.Logits.Length)));
                return;
            }

            if (test.Oracle.IsNearAnEdge(test.Answer.Length)) return;
            TokenChoice choice = state.Choose([.. test.Logits], new Sampler(test.Logits.Length));
            Assert.Equal(test.Oracle.Sample(test.Answer.Length), choice.Id);
            AssertTold(test, choice, 1e-12);
        }, iter: 20_000);
        Assert.True(forbidden > 0, "no mask allowed nothing");
    }

    [Fact]
    public void Choose_FromCandidates_IsTheTokenOfAllLogitsOrNone()
    {
        int decided = 0, masked = 0, adjusted = 0, undecided = 0;
        Gen.Select(AnyCase, Gen.Int[1, 64], Gen.Double[-0.5, 0.5]).Sample((test, count, error) =>
        {
            if (test.Allowed.Count == 0 || test.Oracle.IsNearAnEdge(test.Answer.Length)) return;
            DecodingState state = test.MakeState();
            ReadOnlySpan<uint> mask = state.DeviceMask is ITokenMask device ? device.Allowed : [];
            var row = new DeviceRow(test.Logits, test.Options.Temperature, Math.Max(count, test.Options.LogProbabilities ?? 0), error * Candidates.SumError, mask);
            TokenChoice? choice = state.Choose(row.Candidates);
            TokenChoice full = state.Choose([.. row.Logits], new Sampler(test.Logits.Length));
            Assert.Equal(test.Oracle.Sample(test.Answer.Length), full.Id);
            Interlocked.Increment(ref choice is null ? ref undecided : ref decided);
            if (choice is null) return;
            if (!mask.IsEmpty) Interlocked.Increment(ref masked);
            if (test.ChangesLogits) Interlocked.Increment(ref adjusted);
            Assert.Equal(full.Id, choice.Value.Id);
            AssertTold(test, choice.Value, Candidates.SumError);
        }, iter: 20_000);

        string counts = $"{decided} decided, {masked} with masks, {adjusted} with changed logits; {undecided} not";
        Assert.True(decided > 5000 && masked > 1000 && adjusted > 1000 && undecided > 1000, counts);
    }

    [Fact]
    public void Choose_NoProcessors_GivesTheSamplersTokens()
    {
        float[] logits = RandomLogits(500, 3);
        var options = new SamplingOptions { Temperature = 1.3, TopK = 60, TopP = 0.9, Seed = 99 };
        var state = new DecodingState(options, [5, 6], EndTokens, logits.Length);
        var sampler = new Sampler(logits.Length);
        for (int index = 0; index < 50; index++)
        {
            Assert.Equal(index, state.Count);
            int token = sampler.Sample(logits, options, index);
            Assert.Equal(new TokenChoice(token), state.Choose([.. logits], sampler));
            Assert.Equal(token, state.Choose(new DeviceRow(logits, 1.3, 256, 0).Candidates)!.Value.Id);
            state.Accept(token);
        }
    }

    [Theory]
    [InlineData(0.0, 0, 1.0)]
    [InlineData(0.7, 0, 0.95)]
    [InlineData(1.0, 40, 1.0)]
    [InlineData(1.0, 0, 1.0)]
    public void Choose_PenaltiesOnAModelsLogits_NeedsNoOthersAlmostAlways(double temperature, int topK, double topP)
    {
        // Twenty likely tokens, 4,980 unlikely ones; of both the answer has some.
        float[] logits = [.. Enumerable.Range(0, 5000).Select(i => i < 20 ? 10 - (i * 0.5f) : -8f - (i % 100 * 0.01f))];
        int open = 0;
        var sampler = new Sampler(logits.Length);
        for (ulong seed = 0; seed < 1000; seed++)
        {
            var options = new SamplingOptions
            {
                Temperature = temperature,
                TopK = topK,
                TopP = topP,
                Seed = seed,
                FrequencyPenalty = 0.5,
                PresencePenalty = 0.5,
                RepetitionPenalty = 1.1,
            };
            var state = new DecodingState(options, [.. Enumerable.Range(0, 200).Select(i => i * 20)], [], logits.Length);
            foreach (int token in new[] { 0, 1, 0, 2, 100, 3000 }) state.Accept(token);
            int expected = state.Choose([.. logits], sampler).Id;
            int? chosen = state.Choose(new DeviceRow(logits, temperature, 256, 0).Candidates)?.Id;
            if (chosen is null) open++;
            else Assert.Equal(expected, chosen);
        }

        Assert.InRange(open, 0, 20);
    }

    [Fact]
    public void Choose_ManyDraws_FollowTheDistribution()
    {
        float[] logits = [1, 3, 2.5f, -1, 0, 2, 2, 1.5f, -0.5f, 0.25f];
        var options = new SamplingOptions
        {
            Temperature = 1.5,
            MinP = 0.05,
            TopP = 0.97,
            PresencePenalty = 0.5,
            FrequencyPenalty = 0.3,
            RepetitionPenalty = 1.2,
            LogitBias = new Dictionary<int, double> { [4] = 2, [1] = -1 },
        };
        int[] allowed = [0, 1, 2, 4, 5, 6, 7, 9];
        float[] adjusted = Oracle.Adjust(logits, options, [2, 9], [5, 5, 2]);
        var counts = new int[logits.Length];
        var sampler = new Sampler(logits.Length);
        for (ulong seed = 0; seed < 20_000; seed++)
        {
            var state = new DecodingState(options with { Seed = seed }, [2, 9], [], logits.Length, new FixedTokenMask(logits.Length, allowed));
            foreach (int token in new[] { 5, 5, 2 }) state.Accept(token);
            counts[state.Choose([.. logits], sampler).Id]++;
        }

        ChiSquared.AssertFollows(new Oracle(adjusted, options, allowed.Contains).Probabilities(), counts);
    }

    [Fact]
    public void Rewind_Drafts_LeaveNoTrace()
    {
        float[] logits = RandomLogits(100, 5);
        var options = new SamplingOptions { RepetitionPenalty = 1.5, FrequencyPenalty = 0.4, MinTokens = 6, Seed = 2, LogProbabilities = 3 };
        var sampler = new Sampler(100);
        DecodingState plain = Make(), drafted = Make();
        for (int index = 0; index < 30; index++)
        {
            for (int draft = 0; draft < index % 4; draft++)
            {
                drafted.Accept((index * 7 + draft) % 100);
                drafted.Choose([.. logits], sampler);
            }

            drafted.Rewind(index % 4);
            Assert.Equal(index, drafted.Count);
            TokenChoice expected = plain.Choose([.. logits], sampler), actual = drafted.Choose([.. logits], sampler);
            Assert.Equal((expected.Id, expected.LogProbability), (actual.Id, actual.LogProbability));
            plain.Accept(expected.Id);
            drafted.Accept(actual.Id);
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => drafted.Rewind(31));
        Assert.Throws<ArgumentOutOfRangeException>(() => drafted.Rewind(-1));

        DecodingState Make() => new(options, [1, 2, 3], EndTokens, 100);
    }

    [Fact]
    public void DeviceMask_ByOptions_IsThereWhereCandidatesAreOfUse()
    {
        var mask = new FixedTokenMask(10, [1, 2]);
        Assert.Null(Make(new()).DeviceMask);
        Assert.Same(mask, Make(new(), mask).DeviceMask);
        Assert.Same(mask, Make(new() { FrequencyPenalty = 1, RepetitionPenalty = 1.1 }, mask).DeviceMask);
        Assert.Null(Make(new() { FrequencyPenalty = -1 }, mask).DeviceMask);
        Assert.Null(Make(new() { RepetitionPenalty = 0.9 }, mask).DeviceMask);
        Assert.Null(Make(new() { LogitBias = new Dictionary<int, double> { [3] = 1, [4] = -1 } }, mask).DeviceMask);
        Assert.Null(Make(new() { LogProbabilities = 0 }, mask).DeviceMask);
        DecodingState state = Make(new() { MinTokens = 2 });
        Assert.NotNull(state.DeviceMask);
        Assert.False(state.Allows(1));
        Assert.True(state.Allows(2));
        state.Accept(5);
        state.Accept(6);
        Assert.Null(state.DeviceMask);
        Assert.True(state.Allows(1));

        static DecodingState Make(SamplingOptions options, ITokenMask? mask = null) => new(options, [4], EndTokens, 10, mask);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void Choose_ForbiddenLogitNotFinite_IsRefused(float wrong)
    {
        var options = new SamplingOptions { Temperature = 0, LogitBias = new Dictionary<int, double> { [2] = 5 } };
        var state = new DecodingState(options, [], [], 4, new FixedTokenMask(4, [0]));
        GenerationException error = Assert.Throws<GenerationException>(() => state.Choose([1, 2, wrong, 3], new Sampler(4)));
        Assert.Contains("the logit of token 2;", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Choose_MaskThatAllowsNothing_SaysSo()
    {
        float[] logits = new float[40];
        // The form wants the end, the request at least two tokens.
        var state = new DecodingState(new SamplingOptions { MinTokens = 2 }, [], EndTokens, 40, new FixedTokenMask(40, EndTokens));
        Assert.Throws<GenerationException>(() => state.Choose(new DeviceRow(logits, 1, 8, 0, state.DeviceMask!.Allowed).Candidates));
        Assert.Throws<GenerationException>(() => state.Choose([.. logits], new Sampler(40)));
    }

    [Fact]
    public void Choose_AnyWay_AllocatesNothing()
    {
        float[] logits = RandomLogits(2000, 6);
        var row = new DeviceRow(logits, 0.8, 256, 0);
        var plain = new SamplingOptions { Temperature = 0.8, TopK = 40, LogProbabilities = 0 };
        var changed = new SamplingOptions
        {
            Temperature = 0.8,
            RepetitionPenalty = 1.1,
            FrequencyPenalty = 1,
            LogitBias = new Dictionary<int, double> { [7] = 1 },
            MinTokens = 1000,
            LogProbabilities = 0,
        };
        DecodingState[] states =
        [
            new(plain, [1, 2], EndTokens, logits.Length),
            new(changed with { LogitBias = null, MinTokens = 0 }, [1, 2], EndTokens, logits.Length),
            new(changed, [1, 2], EndTokens, logits.Length, new FixedTokenMask(2000, Enumerable.Range(0, 1900))),
        ];
        var sampler = new Sampler(logits.Length);
        float[] copy = new float[logits.Length];
        long[] allocated = [.. Enumerable.Range(0, 20).Select(_ =>
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            foreach (DecodingState state in states)
            {
                logits.CopyTo(copy, 0);
                int token = state.Choose(row.Candidates)?.Id ?? state.Choose(copy, sampler).Id;
                state.Accept(token);
                state.Accept(token);
                state.Rewind(1);
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        })];
        Assert.Equal(0, allocated[^10..].Max());
    }

    private static void AssertTold(Case test, TokenChoice choice, double bound)
    {
        if (test.Options.LogProbabilities is not int top)
        {
            Assert.Null(choice.LogProbability);
            Assert.Empty(choice.Top);
            return;
        }

        double[] expected = Oracle.LogSoftmax(test.Logits);
        Assert.Equal(expected[choice.Id], choice.LogProbability!.Value, bound);
        Assert.Equal(Oracle.Rank(test.Logits).Take(top), choice.Top.Select(one => one.Id));
        foreach (TokenLogProbability one in choice.Top) Assert.Equal(expected[one.Id], one.LogProbability, bound);
    }

    private static SamplingOptions Lowering(SamplingOptions options) => options with
    {
        FrequencyPenalty = Math.Abs(options.FrequencyPenalty),
        PresencePenalty = Math.Abs(options.PresencePenalty),
        RepetitionPenalty = Math.Max(1, options.RepetitionPenalty),
        LogitBias = options.LogitBias!.ToDictionary(one => one.Key, one => -Math.Abs(one.Value)),
    };

    private static float[] RandomLogits(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() * 30 - 15))];
    }

    private static readonly Gen<float[]> AnyLogits = Gen.OneOf(
        Gen.Float[-30, 30].Array[5, 200],
        Gen.Float[-2, 2].Array[5, 200],
        // Coarse values, so that many are equal.
        Gen.Int[-3, 3].Select(value => value / 2f).Array[5, 200]);

    private static readonly Gen<SamplingOptions> AnyOptions =
        Gen.Select(
            Gen.Select(
                Gen.OneOf(Gen.Const(0.0), Gen.Double[0.01, 2]), Gen.OneOf(Gen.Const(0), Gen.Int[0, 30]), Gen.OneOf(Gen.Const(1.0), Gen.Double[1e-9, 1])),
            Gen.OneOf(Gen.Const(0.0), Gen.Double[0, 1]),
            Gen.OneOf(Gen.Const((0.0, 0.0)), Gen.Select(Gen.Double[-2, 2], Gen.Double[-2, 2])),
            Gen.OneOf(Gen.Const(1.0), Gen.Double[0.5, 2]),
            Gen.Select(Gen.Int[0, 4], Gen.Double[-100, 100], KeyValuePair.Create).Array[0, 2],
            Gen.Int[-10, 20].Select(top => top < 0 ? null : (int?)top),
            Gen.OneOf(Gen.Const(0), Gen.Int[0, 9]),
            Gen.ULong)
        .Select((basic, minP, penalties, repetition, bias, top, minTokens, seed) => new SamplingOptions
        {
            Temperature = basic.Item1,
            TopK = basic.Item2,
            TopP = basic.Item3,
            MinP = minP,
            FrequencyPenalty = penalties.Item1,
            PresencePenalty = penalties.Item2,
            RepetitionPenalty = repetition,
            LogitBias = bias.DistinctBy(one => one.Key).ToDictionary(),
            LogProbabilities = top,
            MinTokens = minTokens,
            Seed = seed,
        })
        // Half of them raise no logit.
        .Select(options => options.Seed % 2 == 0 ? options : Lowering(options));

    private static readonly Gen<int[]?> AnyForm = Gen.OneOf(Gen.Const(() => (int[]?)null), Gen.Int[0, 60].Array[0, 40].Select(ids => (int[]?)ids));

    private static readonly Gen<Case> AnyCase =
        Gen.Select(AnyLogits, AnyOptions, Gen.Int[0, 4].Array[0, 5], Gen.Int[0, 4].Array[0, 12], AnyForm)
            .Select((logits, options, prompt, answer, form) => new Case(logits, options, prompt, answer, form));

    /// <summary>A sequence and the logits of its next token.</summary>
    private sealed class Case
    {
        private readonly int[] _prompt;
        private readonly int[]? _form;

        public Case(float[] logits, SamplingOptions options, int[] prompt, int[] answer, int[]? form)
        {
            (Logits, Options, Answer, _prompt) = (logits, options, answer, prompt);
            _form = form?.Where(id => id < logits.Length).ToArray();
            Allowed = [.. Enumerable.Range(0, logits.Length)];
            if (_form is not null) Allowed.IntersectWith(_form);
            if (answer.Length < options.MinTokens) Allowed.ExceptWith(EndTokens);
            Oracle = Allowed.Count == 0 ? null! : new Oracle(Sampling.Oracle.Adjust(logits, options, prompt, answer), options, Allowed.Contains);
        }

        public float[] Logits { get; }

        public SamplingOptions Options { get; }

        public int[] Answer { get; }

        public HashSet<int> Allowed { get; }

        public Oracle Oracle { get; }

        public bool ChangesLogits => !Sampling.Oracle.Adjust(Logits, Options, _prompt, Answer).SequenceEqual(Logits);

        public DecodingState MakeState()
        {
            var state = new DecodingState(
                Options, _prompt, EndTokens, Logits.Length, _form is null ? null : new FixedTokenMask(Logits.Length, _form));
            foreach (int token in Answer) state.Accept(token);
            return state;
        }
    }
}
