using Gemma2.Backend.Decoding;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Sampling;

namespace Gemma2.Backend.Kernels.Check;

/// <summary>The softcap, the highest logits and the sums of exponentials of a row, and of one with a mask.</summary>
internal sealed class CandidatesTrial(GpuDevice device, CandidatesKernel kernel, int vocabulary) : KernelTrial(device, "candidates", $"{Count} x {vocabulary}")
{
    private const int Count = 2;
    private const double Cap = 30;
    private const double CapError = 2e-5;
    private const float Size = 40;

    protected override void Run(Comparison comparison)
    {
        float[] raw = [.. Uniform(1, Count * vocabulary).Select(number => number * Size)];
        var mask = new uint[(vocabulary + 31) / 32];
        Array.Fill(mask, 0x5bd1e995u);
        HostRows logits = UploadRows(raw, vocabulary);
        ResultRow[] wanted = [ResultRow.At(0.7, vocabulary - 1), ResultRow.At(1.3, 0, Upload<uint>(mask).Address)];
        GpuBuffer asked = Upload<ResultRow>(wanted), scratch = Upload<byte>(new byte[kernel.ScratchBytes(Count)]), found = Upload<CandidateRow>(new CandidateRow[Count]);
        Compute(commands => kernel.Record(commands, logits.Activation, Cap, asked.Address, scratch.Address, found.Address, Count));
        for (int row = 0; row < Count; row++)
        {
            bool IsOpen(int id) => wanted[row].Mask == 0 || (mask[id / 32] >> (id % 32) & 1) != 0;
            Compare(comparison, raw.AsSpan(row * vocabulary, vocabulary), logits[row], wanted[row], IsOpen, ref found.Span<CandidateRow>(0, Count)[row], row);
        }
    }

    private void Compare(Comparison comparison, ReadOnlySpan<float> raw, ReadOnlySpan<float> masked, in ResultRow wanted, Func<int, bool> isOpen, ref CandidateRow found, int row)
    {
        double[] own = Array.ConvertAll(raw.ToArray(), logit => Cap * Math.Tanh(logit / Cap));
        var open = new List<Candidate>();
        for (int id = 0; id < vocabulary; id++)
        {
            if (isOpen(id)) open.Add(new Candidate(id, masked[id]));
            comparison.Add(masked[id], isOpen(id) ? own[id] : TokenMask.Forbidden, CapError, row, id);
        }

        Candidates told = found.Read(wanted, vocabulary, new Candidate[CandidatesKernel.Count]);
        open.Sort((a, b) => a.Logit != b.Logit ? b.Logit.CompareTo(a.Logit) : a.Id.CompareTo(b.Id));
        comparison.Require(!told.HasNotFinite, $"found a number that is not finite in row {row}");
        comparison.Require(told.Highest.SequenceEqual(open.Take(CandidatesKernel.Count).ToArray()), $"found other highest logits in row {row}");
        comparison.Require(told.Wanted == new Candidate((int)wanted.Token, masked[(int)wanted.Token]), $"gave another logit than the one that was asked for in row {row}");

        float inverse = wanted.InverseTemperature, highest = open[0].Logit;
        double sum = open.Sum(candidate => Math.Exp(((double)candidate.Logit - highest) * inverse));
        comparison.Add(found.Sum, sum, Candidates.SumError * sum, row, 0);
        double top = own.Max(), logSum = top + Math.Log(own.Sum(logit => Math.Exp(logit - top)));
        comparison.Add((float)told.LogSum, logSum, Candidates.SumError + CapError, row, 0);
    }
}
