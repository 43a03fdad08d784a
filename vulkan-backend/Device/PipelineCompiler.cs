using System.Runtime.ExceptionServices;

namespace Gemma2.Backend.Device;

/// <summary>Lets the driver compile pipelines, by several threads. Some drivers compile a shader only when it is first dispatched: so each is, over no workgroups, which computes nothing.</summary>
internal static class PipelineCompiler
{
    /// <summary>Returns when all are compiled.</summary>
    /// <param name="device">Their device.</param>
    /// <param name="pipelines">The pipelines.</param>
    /// <param name="cancellationToken">Stops between two of them.</param>
    /// <exception cref="DeviceException">One cannot be compiled.</exception>
    public static void Compile(GpuDevice device, IReadOnlyCollection<ComputePipeline> pipelines, CancellationToken cancellationToken)
    {
        var options = new ParallelOptions { CancellationToken = cancellationToken, MaxDegreeOfParallelism = Environment.ProcessorCount };
        try
        {
            Parallel.ForEach(pipelines, options, pipeline =>
            {
                pipeline.Compile();
                using CommandRecorder commands = device.CreateRecorder();
                commands.Begin();
                commands.DispatchNothing(pipeline);
                commands.SubmitAndWait();
            });
        }
        catch (AggregateException errors)
        {
            // One of them is enough to tell.
            ExceptionDispatchInfo.Throw(errors.InnerExceptions[0]);
        }
    }
}
