// What the rows of a step are: written by the host for each step, so that a recorded command buffer can be submitted again for other tokens.
struct StepRow {
    uint token;
    uint position; // in its sequence
    uint slot;     // of its sequence: a row of the block tables
    uint unused;
};

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer StepRows { StepRow at[]; };
