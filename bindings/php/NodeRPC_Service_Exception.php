<?php

declare(strict_types=1);

/**
 * A call failed. The message is the server's; the code is the HTTP status, or 0 where there was no answer.
 */
class NodeRPC_Service_Exception extends RuntimeException
{
    private string $errorCode;
    private ?string $help;

    public function __construct(
        string $message,
        string $errorCode,
        int $status = 0,
        ?string $help = null,
        ?Throwable $previous = null
    ) {
        parent::__construct($message, $status, $previous);
        $this->errorCode = $errorCode;
        $this->help = $help;
    }

    /** For programs: one of the server's codes, or `unreachable`, `bad_answer`, `bad_argument`. */
    public function getErrorCode(): string
    {
        return $this->errorCode;
    }

    /** What to do, where the server says it. */
    public function getHelp(): ?string
    {
        return $this->help;
    }
}
