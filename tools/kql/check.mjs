// Reads queries as Azure's Log Analytics would, against the tables below, and prints what is wrong with each.
// usage: node tools/kql/check.mjs < QUERIES    QUERIES: a JSON object, name: query
// exit code: 0 nothing is wrong, 1 something is
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';

const require = createRequire(import.meta.url);
require('@kusto/language-service-next/bridge.min.js');
require('@kusto/language-service-next/Kusto.Language.Bridge.min.js');
const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language;

// The columns that queries may use, as Azure Monitor's reference has them: https://learn.microsoft.com/azure/azure-monitor/reference/tables/containerappsystemlogs and so on.
const tables = {
  ContainerAppConsoleLogs: '(TimeGenerated: datetime, ContainerAppName: string, RevisionName: string, ContainerGroupName: string, ContainerName: string, Stream: string, Log: string)',
  ContainerAppSystemLogs: '(TimeGenerated: datetime, ContainerAppName: string, RevisionName: string, ReplicaName: string, EventSource: string, Reason: string, Count: int, Type: string, Log: string)',
  StorageQueueLogs: '(TimeGenerated: datetime, AccountName: string, Category: string, OperationName: string, StatusCode: string, StatusText: string, Uri: string)',
  _LogOperation: '(TimeGenerated: datetime, Category: string, Operation: string, Level: string, Detail: string)',
};

const symbols = Object.entries(tables).map(([name, columns]) => Symbols.TableSymbol.From(columns).WithName(name));
const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor('workspace', symbols));

for (const [name, query] of Object.entries(JSON.parse(await text(process.stdin)))) {
  const diagnostics = KustoCode.ParseAndAnalyze(query, globals).GetDiagnostics();
  for (let i = 0; i < diagnostics.Count; i++) {
    const { Message, Start, Length } = diagnostics.getItem(i);
    console.log(`${name}: ${Message} At: ${query.slice(Start, Start + Length)}`);
    process.exitCode = 1;
  }
}
