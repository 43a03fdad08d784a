namespace Gemma2.Chaos.Tests.Faults;

/// <summary>What can happen to one call between app and storage.</summary>
internal enum FaultKind
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The call takes a while longer.</summary>
    Delay,

    /// <summary>The connection breaks before storage has seen the call.</summary>
    RequestDropped,

    /// <summary>The call takes effect, then the connection breaks: the caller cannot know.</summary>
    ReplyDropped,

    /// <summary>The call takes effect twice; the caller gets either reply.</summary>
    Twice,

    /// <summary>Storage says that it is busy: 503, or 429, with <c>Retry-After</c>.</summary>
    Busy,

    /// <summary>The reply's body comes in small pieces.</summary>
    SlowBody,

    /// <summary>The reply's body ends in the middle.</summary>
    TruncatedBody,

    /// <summary>Something else answers that it knows no such thing: 404 without a word of storage.</summary>
    BareNotFound,

    /// <summary>Something else answers with a page, and says that all is well.</summary>
    WebPage,

    /// <summary>The reply is the one to another call.</summary>
    OtherReply,

    /// <summary>The reply's ETag is weak: something has changed the reply on its way.</summary>
    WeakVersion,

    /// <summary>The reply's times are of another century.</summary>
    WrongTime,

    /// <summary>Storage takes the call, and no reply comes.</summary>
    Hang,
}
