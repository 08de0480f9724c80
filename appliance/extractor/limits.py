"""What one extractor may use up, laid on before its jail closes: afterwards nobody can change it."""

import resource

ADDRESS_SPACE = 1024 * 1024 * 1024
PROCESSOR_S = 40


def lay() -> None:
    """A file that makes a parser run away ends this process and nothing else."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S, PROCESSOR_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
