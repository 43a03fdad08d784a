using Gemma2.Backend.Decoding;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Sampling;

namespace Gemma2.Backend.Tests.Kernels;

public sealed class CandidatesKernelTests(DeviceFixture fixture) : KernelTest(fixture)
{
    [Theory]
    [InlineData(1, 1, 30, 1)]
    [InlineData(1, 31, 30, 0.5)]
    [InlineData(2, 33, 0, 2)]
    [InlineData(3, 255, 30, 1)]
    [InlineData(2, 257, 50, 1)]
    [InlineData(2, 8191, 30, 0.1)]
    [InlineData(8, 8193, 30, 1)]
    [InlineData(8, 256_000, 30, 1)]
    public void Find_OddShapes_MatchesOracle(int count, int vocabulary, double cap, double temperature)
    {
        float[] raw = RandomNumbers(count * vocabulary, 40);
        raw[0] = 1e4f;
        raw[^1] = -1e4f;

        AssertCandidates(raw, count, vocabulary, cap, temperature);
    }

    [Theory]
    [InlineData(1, 100)]
    [InlineData(3, 20_001)]
    public void Find_WorkgroupsOfManySubgroups_MatchesOracle(int count, int vocabulary) =>
        AssertCandidates(RandomNumbers(count * vocabulary, 40), count, vocabulary, 30, 1, workgroupSize: 256);

    [Theory]
    [InlineData(1)]
    [InlineData(300)]
    [InlineData(20_000)]
    public void Find_ManyEqualLogits_PrefersLowerIds(int vocabulary)
    {
        // Few values, zeros of both signs among them.
        float[] values = [-1.5f, -0f, 0f, 2, 2];
        float[] raw = [.. Enumerable.Range(0, 2 * vocabulary).Select(_ => values[Random.Next(values.Length)])];

        AssertCandidates(raw, 2, vocabulary, 0, 1);
        AssertCandidates(new float[vocabulary], 1, vocabulary, 30, 1);
    }

    [Theory]
    [InlineData(300, 299)]
    [InlineData(5000, 4000)]
    public void Find_RowsThatAreNoTokens_AreNoPartOfTheDistribution(int vocabulary, int tokens)
    {
        // What stands behind the tokens is larger than they are, or no number at all.
        float[] raw = RandomNumbers(2 * vocabulary, 10);
        for (int row = 0; row < 2; row++) raw.AsSpan((row * vocabulary) + tokens, vocabulary - tokens).Fill(row == 0 ? 25 : float.NaN);
        ulong mask = UploadMask(vocabulary, id => id < tokens);
        ResultRow[] wanted = [ResultRow.At(1, 7), ResultRow.At(0.5, 8, UploadMask(vocabulary, id => id % 2 == 0))];

        CandidateRow[] rows = Find(UploadRows(raw, vocabulary), 2, 0, wanted, tokens: mask);
        float[] alone = [.. raw.AsSpan(0, tokens), .. raw.AsSpan(vocabulary, tokens)];
        CandidateRow[] expected = Find(UploadRows(alone, tokens), 2, 0, [wanted[0], ResultRow.At(0.5, 8, UploadMask(tokens, id => id % 2 == 0))]);

        for (int row = 0; row < 2; row++)
        {
            Candidates given = rows[row].Read(wanted[row], vocabulary, new Candidate[CandidatesKernel.Count]);
            Candidates same = expected[row].Read(wanted[row], tokens, new Candidate[CandidatesKernel.Count]);
            Assert.False(given.HasNotFinite);
            Assert.Equal(same.Highest.ToArray(), given.Highest.ToArray());
            Assert.Equal(same.LogSum, given.LogSum, 1e-5);
            Assert.Equal(same.Wanted, given.Wanted);
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Find_LogitNotFinite_IsReportedForItsRowOnly(float wrong)
    {
        const int vocabulary = 1000;
        float[] raw = RandomNumbers(3 * vocabulary, 10);
        raw[vocabulary + 777] = wrong;

        CandidateRow[] rows = Find(UploadRows(raw, vocabulary), 3, 0, [ResultRow.At(1), ResultRow.At(1), ResultRow.At(1)]);

        Assert.Equal([false, true, false], rows.Select(row => row.HasNotFinite));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(33)]
    [InlineData(300)]
    [InlineData(20_001)]
    public void Find_Masks_LeaveWhatTheyAllow(int vocabulary)
    {
        // Rows with and without masks side by side: none, all, every third, a few, one, and nothing at all.
        const int count = 6;
        float[] raw = RandomNumbers(count * vocabulary, 40);
        Func<int, bool>?[] allowed = [null, _ => true, id => id % 3 == 0, id => id % 97 == 5 || id == 0, id => id == vocabulary - 1, _ => false];
        double[] temperatures = [1, 0.7, 1, 2, 0, 1];
        ResultRow[] wanted = [.. Enumerable.Range(0, count).Select(row => ResultRow.At(temperatures[row], vocabulary / 2, UploadMask(vocabulary, allowed[row])))];
        Activation logits = UploadRows(raw, vocabulary);

        CandidateRow[] rows = Find(logits, count, 30, wanted);

        for (int row = 0; row < count; row++)
            AssertRow(raw.AsSpan(row * vocabulary, vocabulary), 30, wanted[row], allowed[row] ?? (_ => true), Capped(logits, count, row), rows[row]);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Find_ForbiddenLogitNotFinite_IsReportedAndStays(float wrong)
    {
        const int vocabulary = 1000;
        float[] raw = RandomNumbers(2 * vocabulary, 10);
        raw[vocabulary + 777] = wrong;
        ulong mask = UploadMask(vocabulary, id => id < 50);
        Activation logits = UploadRows(raw, vocabulary);

        CandidateRow[] rows = Find(logits, 2, 0, [ResultRow.At(1, mask: mask), ResultRow.At(1, mask: mask)]);

        Assert.Equal([false, true], rows.Select(row => row.HasNotFinite));
        Assert.Equal(wrong, Capped(logits, 2, 1)[777]);
        Assert.Equal(TokenMask.Forbidden, Capped(logits, 2, 1)[776]);
    }

    [Fact]
    public void Find_LowTemperatureAndMask_IsGreedy()
    {
        float[] raw = RandomNumbers(5000, 10);
        ulong mask = UploadMask(5000, id => id % 2 == 0);
        var wanted = ResultRow.At(double.Epsilon, mask: mask);

        Candidates candidates = Find(UploadRows(raw, 5000), 1, 30, [wanted])[0].Read(wanted, 5000, new Candidate[CandidatesKernel.Count]);

        Assert.Equal(1, (candidates.LowestSum + candidates.HighestSum) / 2);
        Assert.Equal(Enumerable.Range(0, 2500).MaxBy(half => raw[2 * half]) * 2, candidates.Highest[0].Id);
    }

    [Fact]
    public void Find_Repeated_IsBitIdentical()
    {
        const int vocabulary = 30_000;
        float[] raw = RandomNumbers(2 * vocabulary, 10);
        ResultRow[] wanted = [ResultRow.At(1, 5), ResultRow.At(0.5, 6, UploadMask(vocabulary, id => id % 5 != 0))];
        List<(int Id, long Bits)>[] first = Run();

        for (int run = 0; run < 20; run++) Assert.Equal(first, Run());

        List<(int Id, long Bits)>[] Run() => [.. Find(UploadRows(raw, vocabulary), 2, 30, wanted).Select((row, index) => Bits(row, wanted[index]))];

        static List<(int Id, long Bits)> Bits(CandidateRow row, in ResultRow wanted)
        {
            Candidates told = row.Read(wanted, vocabulary, new Candidate[CandidatesKernel.Count]);
            var bits = new List<(int, long)> { (-1, BitConverter.DoubleToInt64Bits(told.HighestSum)), (-2, BitConverter.DoubleToInt64Bits(told.LogSum)) };
            bits.Add((told.Wanted.Id, BitConverter.SingleToInt32Bits(told.Wanted.Logit)));
            foreach (Candidate candidate in told.Highest) bits.Add((candidate.Id, BitConverter.SingleToInt32Bits(candidate.Logit)));
            return bits;
        }
    }

    private void AssertCandidates(float[] raw, int count, int vocabulary, double cap, double temperature, uint? workgroupSize = null)
    {
        Activation logits = UploadRows(raw, vocabulary);
        ResultRow[] wanted = [.. Enumerable.Range(0, count).Select(row => ResultRow.At(temperature, row * (vocabulary - 1) / count))];
        CandidateRow[] rows = Find(logits, count, cap, wanted, workgroupSize);
        for (int row = 0; row < count; row++)
            AssertRow(raw.AsSpan(row * vocabulary, vocabulary), cap, wanted[row], _ => true, Capped(logits, count, row), rows[row]);
    }

    /// <summary>What lies in memory and what is told of a row, against double precision.</summary>
    private static void AssertRow(ReadOnlySpan<float> raw, double cap, in ResultRow wanted, Func<int, bool> allowed, float[] masked, CandidateRow row)
    {
        double[] own = Array.ConvertAll(raw.ToArray(), value => Oracle.Softcap(value, cap));
        int[] open = [.. Enumerable.Range(0, raw.Length).Where(allowed)];
        for (int id = 0; id < raw.Length; id++)
        {
            if (allowed(id)) Assert.Equal(own[id], masked[id], 2e-5);
            else Assert.Equal(TokenMask.Forbidden, masked[id]);
        }

        Candidate[] ranked =
        [
            .. open.OrderByDescending(id => masked[id]).ThenBy(id => id).Take(CandidatesKernel.Count).Select(id => new Candidate(id, masked[id] + 0f)),
        ];
        Candidates told = row.Read(wanted, raw.Length, new Candidate[CandidatesKernel.Count]);
        Assert.False(row.HasNotFinite);
        Assert.Equal(ranked, told.Highest.ToArray());
        Assert.Equal(open.Length < Math.Min(CandidatesKernel.Count, raw.Length) ? open.Length : raw.Length, told.TokenCount);
        Assert.Equal((int)wanted.Token, told.Wanted.Id);
        Assert.Equal(masked[told.Wanted.Id], told.Wanted.Logit);
        if (ranked.Length > 0)
        {
            double inverse = wanted.InverseTemperature, sum = open.Sum(id => Math.Exp(((double)masked[id] - ranked[0].Logit) * inverse));
            Assert.InRange(row.Sum / sum, 1 - (Candidates.SumError / 4), 1 + (Candidates.SumError / 4));
        }

        // The softcap's own error is in the logits that log-probabilities are of, so the sum is compared at the oracle's with room for it.
        double highest = own.Max(), logSum = highest + Math.Log(own.Sum(logit => Math.Exp(logit - highest)));
        Assert.Equal(logSum, told.LogSum, (Candidates.SumError / 4) + 2e-5);
    }

    private CandidateRow[] Find(Activation logits, int count, double cap, ResultRow[] wanted, uint? workgroupSize = null, ulong tokens = 0)
    {
        var kernel = Own(new CandidatesKernel(Device, logits.Width, workgroupSize));
        ulong scratch = Upload<byte>(new byte[kernel.ScratchBytes(count)]);
        ulong asked = Upload<ResultRow>(wanted);
        ulong rows = Upload<CandidateRow>(new CandidateRow[count]);
        Run(commands => kernel.Record(commands, logits, cap, asked, scratch, rows, count, tokens));
        return Read<CandidateRow>(rows, count).ToArray();
    }

    /// <summary>A row as the device left it.</summary>
    private float[] Capped(Activation logits, int count, int row) =>
        Read<float>(logits.Address, count * logits.Stride).Slice(row * logits.Stride, logits.Width).ToArray();

    /// <returns>The mask's address; 0 for none.</returns>
    private ulong UploadMask(int vocabulary, Func<int, bool>? allowed) =>
        allowed is null ? 0 : Upload(new FixedTokenMask(vocabulary, Enumerable.Range(0, vocabulary).Where(allowed)).Allowed);
}
