//! session-rec's decay functions.

/// A function by which weight falls with distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weighting {
    /// Constant.
    Same,
    /// Falls by a tenth a step, down to zero.
    Linear,
    /// The inverse of the step.
    Div,
    /// The inverse of the step's logarithm.
    Log,
    /// The inverse of the step's square.
    Quadratic,
}

impl Weighting {
    /// The weight at a number of steps, from 1.
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

    /// The weight of the click at a position, from 1, in a visit of `length` clicks.
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

/// Converts a small count.
#[allow(clippy::cast_precision_loss, reason = "no visit has 2^53 clicks")]
pub(super) fn real(count: usize) -> f64 {
    count as f64
}
