#ifndef NOVITAI_PROCESS_LIMITS_H
#define NOVITAI_PROCESS_LIMITS_H

/// Lets the process open as many descriptors as the system allows it: the soft limit becomes the hard one (setrlimit(2)).
///
/// Returns how many that are; at most `LONG_MAX`, and -1 when the system does not say.
long novitai_raise_descriptor_limit(void);

#endif
