using System.CommandLine;
using Gemma2.Benchmarks.Blobs;

var command = new RootCommand("A blob service on loopback, and downloads of models measured over it.") { ServeCommand.Create(), CompareCommand.Create() };
return await command.Parse(args).InvokeAsync();
