using Gemma2.Clients.Tests;

[assembly: AssemblyFixture(typeof(Service))]
