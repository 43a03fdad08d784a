using System.CommandLine;
using Gemma2.Benchmarks.Peers;
using Gemma2.Benchmarks.Peers.Sides;
using Gemma2.Benchmarks.Peers.Workers;

// A worker is started by this program alone: see Worker.
if (args is [Worker.Command, var side, var file, var context, var threadCount, var kv, var deviceIndex])
    return await WorkerHost.RunAsync(() => SideName.LoadAsync(side, file, new SideOptions(int.Parse(context, null), int.Parse(threadCount, null), kv, int.Parse(deviceIndex, null))));

return await new PeersCommand().Create().Parse(args).InvokeAsync();
