namespace Gemma2.Service.Queue;

/// <summary>A message of the queue as it was delivered once; it may be delivered again, also at the same time.</summary>
/// <param name="Text">The message's text.</param>
/// <param name="DequeueCount">Which delivery this is, from 1.</param>
/// <param name="InsertedOn">When the message was sent, where the deliverer knows.</param>
/// <param name="MessageId">The service's name for the message, where the deliverer knows.</param>
internal sealed record QueueDelivery(string Text, long DequeueCount, DateTimeOffset? InsertedOn = null, string? MessageId = null);
