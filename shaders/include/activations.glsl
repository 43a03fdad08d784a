// tanh in a form that cannot overflow to NaN: exp(2x) may reach infinity, where the quotient is 0.
float stableTanh(float x) {
    return 1.0 - 2.0 / (exp(2.0 * x) + 1.0);
}

// cap * tanh(x / cap); a cap of 0 means none.
float softcap(float x, float cap) {
    return cap > 0.0 ? cap * stableTanh(x / cap) : x;
}

// The tanh form of GELU that Gemma was trained with: https://arxiv.org/abs/1606.08415, section 2.
float geluTanh(float x) {
    const float sqrtTwoOverPi = 0.7978845608028654;
    return 0.5 * x * (1.0 + stableTanh(sqrtTwoOverPi * (x + 0.044715 * x * x * x)));
}
