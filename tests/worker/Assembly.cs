using Gemma2.Testing;
using Gemma2.Worker.Tests;
using Xunit.Sdk;
using Xunit.v3;

[assembly: AssemblyFixture(typeof(AzuriteFixture))]
[assembly: AssemblyFixture(typeof(PublishedFolder))]
// Each test has a host and a worker with a model of its own; more of them at once would only take longer.
[assembly: Parallelization(Mode = ParallelMode.None)]
