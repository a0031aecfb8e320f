"""The whole trajectory of a linear system as one Gaussian vector, conditioned by inversion."""

import numpy as np


def at(matrix, t):
    return matrix[t] if matrix.ndim == 3 else matrix


class Joint:
    """Mean and covariance of (s_0, s_1 … s_T), and of (x_1 … x_T), from the noises they are."""

    def __init__(self, model, T):
        F, H, V, W, mean_0, cov_0 = (np.asarray(part) for part in model)
        m, n = len(mean_0), H.shape[-2]
        self.T, self.m, self.n = T, m, n
        moves = np.zeros(((T + 1) * m, (T + 1) * m))  # states from (s_0, v_1 … v_T)
        for t in range(T + 1):
            block = np.eye(m)
            for k in range(t, -1, -1):
                moves[t * m : (t + 1) * m, k * m : (k + 1) * m] = block
                if k:
                    block = block @ at(F, k - 1)
        noise = np.zeros_like(moves)
        noise[:m, :m] = cov_0
        sees = np.zeros((T * n, (T + 1) * m))
        seen_noise = np.zeros((T * n, T * n))
        for t in range(T):
            noise[(t + 1) * m : (t + 2) * m, (t + 1) * m : (t + 2) * m] = at(V, t)
            sees[t * n : (t + 1) * n, (t + 1) * m : (t + 2) * m] = at(H, t)
            seen_noise[t * n : (t + 1) * n, t * n : (t + 1) * n] = at(W, t)
        self.mean = moves @ np.concatenate([mean_0, np.zeros(T * m)])
        self.covariance = moves @ noise @ moves.T
        self.x_mean = sees @ self.mean
        self.crossed = self.covariance @ sees.T
        self.x_covariance = sees @ self.crossed + seen_noise

    def given(self, x, until=None):
        """Return mean (T + 1, m) and covariance of all states, given the seen of x (T, n)."""
        x = x.copy()
        x[slice(until, None) if until is not None else slice(0, 0)] = np.nan
        flat = x.ravel()
        seen = ~np.isnan(flat)
        S, C = self.x_covariance[np.ix_(seen, seen)], self.crossed[:, seen]
        gain = C @ np.linalg.pinv(S, rcond=1e-13, hermitian=True)
        mean = self.mean + gain @ (flat - self.x_mean)[seen]
        return mean.reshape(-1, self.m), self.covariance - gain @ C.T

    def block(self, covariance, t, k):
        m = self.m
        return covariance[t * m : (t + 1) * m, k * m : (k + 1) * m]

    def log_likelihood(self, x):
        """Return log p of the seen entries of x (T, n)."""
        seen = ~np.isnan(x.ravel())
        e = (x.ravel() - self.x_mean)[seen]
        S = self.x_covariance[np.ix_(seen, seen)]
        _, log_det = np.linalg.slogdet(2 * np.pi * S)
        return -0.5 * (e @ np.linalg.solve(S, e) + log_det)
