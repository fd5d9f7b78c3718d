"""The learning rate by its definition, and AdamW in scalars.

Loshchilov and Hutter: "SGDR", ICLR 2017, equation 5, for the cosine; "Decoupled Weight Decay
Regularization", ICLR 2019, algorithm 2, for AdamW.
"""

import math


def share_of_peak(step, total, rising):
    """A straight line from 0 to 1 over `rising` steps, then half a cosine down to 0 at `total`."""
    if step <= rising:
        return step / rising
    progress = (step - rising) / (total - rising)
    return math.cos(progress * math.pi / 2) ** 2


class ScalarAdamW:
    """One weight."""

    def __init__(self, weight, decay, beta1=0.9, beta2=0.999, epsilon=1e-8):
        self.weight, self.decay = weight, decay
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.first = self.second = 0.0
        self.time = 0

    def step(self, gradient, rate):
        self.time += 1
        self.weight -= rate * self.decay * self.weight
        self.first = self.beta1 * self.first + (1 - self.beta1) * gradient
        self.second = self.beta2 * self.second + (1 - self.beta2) * gradient**2
        first = self.first / (1 - self.beta1**self.time)
        second = self.second / (1 - self.beta2**self.time)
        self.weight -= rate * first / (math.sqrt(second) + self.epsilon)
        return self.weight
