//! What a parent tells a worker process that it starts, through the child's standard input.
use serde::{Deserialize, Serialize};

/// Environment variable that tells a process that it was started to be a worker.
pub const MARKER: &str = "LONGSHORE_WORKER";
/// A plan's bound.
pub const PLAN_BYTES_MAX: usize = 64 * 1024;

/// All a child needs to know to be a worker.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct WorkerPlan {
    /// Address of the scheduler.
    pub scheduler: String,
    /// Secret of the cluster. Not in the environment or the arguments, which other users of the machine may read.
    pub token: String,
    /// Name of the worker.
    pub name: String,
    /// Tasks it runs at once.
    pub nthreads: u32,
    /// Memory it may use for values, in bytes.
    pub memory_limit_bytes: Option<u64>,
    /// Name of the runtime it is to run on.
    pub runtime: String,
    /// Resources it supplies.
    pub resources: Vec<(String, f64)>,
}

impl WorkerPlan {
    /// The bytes for the child: a length and the plan.
    ///
    /// # Errors
    /// The plan is over its bound.
    pub fn encode(&self) -> Result<Vec<u8>, PlanError> {
        let body = postcard::to_stdvec(self).map_err(PlanError::Encoding)?;
        if body.len() > PLAN_BYTES_MAX {
            return Err(PlanError::TooLong { bytes: body.len() });
        }
        let mut out = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
        out.extend(body);
        Ok(out)
    }

    /// Reads what [`encode`](Self::encode) wrote and not a byte more.
    ///
    /// # Errors
    /// The input ends early, or is not a plan.
    pub fn read(mut from: impl std::io::Read) -> Result<Self, PlanError> {
        let mut len = [0; 4];
        from.read_exact(&mut len).map_err(PlanError::Io)?;
        let bytes = u32::from_le_bytes(len) as usize;
        if bytes > PLAN_BYTES_MAX {
            return Err(PlanError::TooLong { bytes });
        }
        let mut body = vec![0; bytes];
        from.read_exact(&mut body).map_err(PlanError::Io)?;
        postcard::from_bytes(&body).map_err(PlanError::Encoding)
    }
}

/// Why a plan did not get across.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Over the bound.
    #[error("a worker plan of {bytes} bytes; at most {PLAN_BYTES_MAX} are allowed")]
    TooLong {
        /// Its size.
        bytes: usize,
    },
    /// Not a plan, or it cannot be made one.
    #[error("not a worker plan; parent and child must be built from the same source")]
    Encoding(#[source] postcard::Error),
    /// The pipe broke.
    #[error("the worker plan could not be read from standard input")]
    Io(#[source] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> WorkerPlan {
        WorkerPlan {
            scheduler: "tcp://127.0.0.1:1".into(),
            token: "t".into(),
            name: "w0".into(),
            nthreads: 2,
            memory_limit_bytes: None,
            runtime: "owned".into(),
            resources: vec![("gpu".into(), 1.0)],
        }
    }

    #[test]
    fn a_plan_survives_and_leaves_what_follows() {
        let mut bytes = plan().encode().unwrap();
        bytes.extend(b"rest");
        let mut from = &bytes[..];
        assert_eq!(WorkerPlan::read(&mut from).unwrap(), plan());
        assert_eq!(from, b"rest");
    }

    #[test]
    fn garbage_is_an_error() {
        assert!(matches!(WorkerPlan::read(&[255u8; 8][..]), Err(PlanError::TooLong { .. })));
        assert!(matches!(WorkerPlan::read(&[3u8, 0, 0][..]), Err(PlanError::Io(_))));
        assert!(matches!(WorkerPlan::read(&[3u8, 0, 0, 0, 9, 9, 9][..]), Err(PlanError::Encoding(_))));
    }
}
