// Sums and maxima over a workgroup of SUBGROUPS subgroups, in their order. All of its threads have to come here together.
// A workgroup of one subgroup needs no barriers, which CPU drivers take long to compile.
shared float floatShares[SUBGROUPS];
shared uint uintShares[SUBGROUPS];

void synchronize() {
    if (SUBGROUPS > 1) barrier();
    else subgroupBarrier();
}

float addAll(float share) {
    float part = subgroupAdd(share);
    if (SUBGROUPS == 1) return part;
    if (subgroupElect()) floatShares[gl_SubgroupID] = part;
    barrier();
    float sum = 0.0;
    for (uint i = 0; i < SUBGROUPS; i++) sum += floatShares[i];
    barrier();
    return sum;
}

uint addAll(uint share) {
    uint part = subgroupAdd(share);
    if (SUBGROUPS == 1) return part;
    if (subgroupElect()) uintShares[gl_SubgroupID] = part;
    barrier();
    uint sum = 0;
    for (uint i = 0; i < SUBGROUPS; i++) sum += uintShares[i];
    barrier();
    return sum;
}

float maxAll(float share) {
    float part = subgroupMax(share);
    if (SUBGROUPS == 1) return part;
    if (subgroupElect()) floatShares[gl_SubgroupID] = part;
    barrier();
    float highest = floatShares[0];
    for (uint i = 1; i < SUBGROUPS; i++) highest = max(highest, floatShares[i]);
    barrier();
    return highest;
}
