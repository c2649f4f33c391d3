//! What an error is called, and what is said to have happened.
use rctd::conntrack::socket::OpError;

/// Every errno that has a name here, and how its sentence begins.
const NAMED: [(i32, &str, &str); 24] = [
    (libc::EPERM, "EPERM", "the kernel refused"),
    (libc::ENOENT, "ENOENT", "the kernel refused"),
    (libc::EINTR, "EINTR", "the kernel's answer was cut short in"),
    (libc::EIO, "EIO", "the kernel's answer makes no sense in"),
    (libc::EBADF, "EBADF", "there was no socket for"),
    (libc::EAGAIN, "EAGAIN", "the kernel gave no answer to"),
    (libc::ENOMEM, "ENOMEM", "the kernel refused"),
    (libc::EACCES, "EACCES", "the kernel refused"),
    (libc::EBUSY, "EBUSY", "the kernel refused"),
    (libc::EEXIST, "EEXIST", "the kernel refused"),
    (libc::EINVAL, "EINVAL", "the kernel refused"),
    (libc::ENFILE, "ENFILE", "there was no file descriptor left for"),
    (libc::EMFILE, "EMFILE", "there was no file descriptor left for"),
    (libc::ENOSPC, "ENOSPC", "the kernel refused"),
    (libc::ERANGE, "ERANGE", "the kernel refused"),
    (libc::ETIME, "ETIME", "the kernel refused"),
    (libc::EOVERFLOW, "EOVERFLOW", "the kernel refused"),
    (libc::EMSGSIZE, "EMSGSIZE", "the kernel's answer is too long in"),
    (libc::EPROTONOSUPPORT, "EPROTONOSUPPORT", "the kernel refused"),
    (libc::EOPNOTSUPP, "EOPNOTSUPP", "the kernel refused"),
    (libc::EAFNOSUPPORT, "EAFNOSUPPORT", "the kernel refused"),
    (libc::ENOBUFS, "ENOBUFS", "the kernel's answer was cut short in"),
    (libc::ETIMEDOUT, "ETIMEDOUT", "the kernel gave no answer to"),
    (libc::ECONNREFUSED, "ECONNREFUSED", "the kernel refused"),
];

#[test]
fn errors_are_named_and_explained() {
    for (errno, name, cause) in NAMED {
        let error = OpError { operation: "delete", errno };
        assert_eq!((error.to_string(), error.cause()), (format!("delete: {name}"), cause));
    }
    for errno in (1..200).filter(|errno| NAMED.iter().all(|(named, ..)| named != errno)) {
        let error = OpError { operation: "dump", errno };
        assert_eq!(
            (error.to_string(), error.cause()),
            (format!("dump: errno {errno}"), "the kernel refused")
        );
    }
}
