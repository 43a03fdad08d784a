using Gemma2.Infra.Tests.Bicep;

[assembly: AssemblyFixture(typeof(Deployments))]
