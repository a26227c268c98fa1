//! session-rec's decay functions.

/// How weight falls with distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weighting {
    /// Not at all.
    Same,
    /// By a tenth a step, to nothing.
    Linear,
    /// As the inverse of the step.
    Div,
    /// As the inverse of its logarithm.
    Log,
    /// As the inverse of its square.
    Quadratic,
}

impl Weighting {
    /// The weight of what is so many steps away, from 1.
    pub fn of_step(self, step: usize) -> f64 {
        let step = real(step);
        match self {
            Weighting::Same => 1.0,
            Weighting::Linear => (1.0 - 0.1 * step).max(0.0),
            Weighting::Div => 1.0 / step,
            Weighting::Log => 1.0 / (step + 1.7).log10(),
            Weighting::Quadratic => 1.0 / (step * step),
        }
    }

    /// The weight of the click at a position, from 1, in a visit of so many.
    pub fn of_position(self, position: usize, length: usize) -> f64 {
        let (from_end, position, length) = (real(length - position), real(position), real(length));
        match self {
            Weighting::Same => 1.0,
            Weighting::Linear if position <= 10.0 => (1.0 - 0.1 * from_end).max(0.0),
            Weighting::Linear => 0.0,
            Weighting::Div => position / length,
            Weighting::Log => 1.0 / (from_end + 1.7).log10(),
            Weighting::Quadratic => (position / length).powi(2),
        }
    }
}

/// A small count as a real number.
#[allow(clippy::cast_precision_loss, reason = "no visit has 2^53 clicks")]
pub(super) fn real(count: usize) -> f64 {
    count as f64
}
