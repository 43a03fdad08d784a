// What the rows of a pass are: written by the host for each pass, so that a recorded command buffer can be submitted again for other tokens.
struct PassRow {
    uint token;
    uint position; // in its sequence
    uint sequence; // number of its KV cache
    uint unused;
};

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer PassRows { PassRow at[]; };
