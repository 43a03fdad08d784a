using Gemma2.Functions.Tests;
using Gemma2.Testing;

[assembly: AssemblyFixture(typeof(AzuriteFixture))]
[assembly: AssemblyFixture(typeof(PublishedApp))]
