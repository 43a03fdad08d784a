using Gemma2.Backend.Tests;
using Xunit.Sdk;
using Xunit.v3;

// One device and one queue: tests that compute take turns.
[assembly: Parallelization(Mode = ParallelMode.None)]
[assembly: AssemblyFixture(typeof(DeviceFixture))]
