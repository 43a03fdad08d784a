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
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Find_LogitNotFinite_IsReportedForItsRowOnly(float wrong)
    {
        const int vocabulary = 1000;
        float[] raw = RandomNumbers(3 * vocabulary, 10);
        raw[vocabulary + 777] = wrong;

        CandidateRow[] rows = Find(UploadRows(raw, vocabulary), 3, 0, [1, 1, 1]);

        Assert.Equal([false, true, false], rows.Select(row => row.HasNotFinite));
    }

    [Fact]
    public void Find_Repeated_IsBitIdentical()
    {
        const int vocabulary = 30_000;
        float[] raw = RandomNumbers(2 * vocabulary, 10);
        (Candidate[] Highest, float Sum)[] first = Run();

        for (int run = 0; run < 20; run++)
            foreach (((Candidate[] Highest, float Sum) expected, (Candidate[] Highest, float Sum) actual) in first.Zip(Run()))
            {
                Assert.Equal(expected.Highest, actual.Highest);
                Assert.Equal(BitConverter.SingleToUInt32Bits(expected.Sum), BitConverter.SingleToUInt32Bits(actual.Sum));
            }

        (Candidate[], float)[] Run() => [.. Find(UploadRows(raw, vocabulary), 2, 30, [1, 2]).Select(row => (Rank(row), row.Sum))];
    }

    private void AssertCandidates(float[] raw, int count, int vocabulary, double cap, double temperature, uint? workgroupSize = null)
    {
        Activation logits = UploadRows(raw, vocabulary);
        CandidateRow[] rows = Find(logits, count, cap, [.. Enumerable.Repeat(temperature, count)], workgroupSize);
        for (int row = 0; row < count; row++)
        {
            float[] capped = Read<float>(logits.Address, count * logits.Stride).Slice(row * logits.Stride, vocabulary).ToArray();
            double[] expected = Array.ConvertAll(raw[(row * vocabulary)..((row + 1) * vocabulary)], value => Oracle.Softcap(value, cap));
            AssertClose(expected, capped, _ => 2e-5);
            Candidate[] ranked =
            [
                .. Enumerable.Range(0, vocabulary).OrderByDescending(id => capped[id]).ThenBy(id => id).Take(CandidatesKernel.Count)
                    .Select(id => new Candidate(id, capped[id] + 0f)),
            ];
            Assert.False(rows[row].HasNotFinite);
            Assert.Equal(ranked, Rank(rows[row]));
            double sum = capped.Sum(logit => Math.Exp(((double)logit - ranked[0].Logit) / temperature));
            Assert.InRange(rows[row].Sum / sum, 1 - (Candidates.SumError / 4), 1 + (Candidates.SumError / 4));
        }
    }

    private CandidateRow[] Find(Activation logits, int count, double cap, double[] temperatures, uint? workgroupSize = null)
    {
        var kernel = Own(new CandidatesKernel(Device, logits.Width, workgroupSize));
        ulong scratch = Upload<byte>(new byte[kernel.ScratchBytes(count)]);
        ulong inverse = Upload<float>(Array.ConvertAll(temperatures, t => (float)(1 / t)));
        ulong rows = Upload<CandidateRow>(new CandidateRow[count]);
        Run(commands => kernel.Record(commands, logits, cap, inverse, scratch, rows, count));
        return Read<CandidateRow>(rows, count).ToArray();
    }

    private static Candidate[] Rank(CandidateRow row) => row.Rank(new Candidate[CandidatesKernel.Count]).ToArray();
}
