<?php

declare(strict_types=1);

require_once __DIR__ . '/NodeRPC_Service_Exception.php';

/**
 * Calls methods of a service at a management port: POST with JSON, by PHP's own streams.
 */
abstract class NodeRPC_Service_Abstract
{
    /** The service's name; each class has its own. */
    protected const SERVICE = '';

    /** Bytes of an answer; more is none of ours. */
    private const MAX_ANSWER = 67108864;

    private string $base;
    private ?string $key;
    private float $timeout;

    /**
     * @param string $host name or address
     * @param int $port the management port: 8181 by default at the server
     * @param string|null $key the management port's, where it has one
     * @param float $timeout seconds that the server may be silent for
     */
    public function __construct(
        string $host,
        int $port = 80,
        #[\SensitiveParameter] ?string $key = null,
        float $timeout = 30.0
    ) {
        $bare = strpos($host, ':') !== false && $host[0] !== '[' ? "[$host]" : $host;
        $this->base = "http://$bare:$port/";
        $this->key = $key;
        $this->timeout = $timeout;
    }

    /**
     * @param array<string, mixed> $args
     * @param array<string, mixed> $optional of these, null is left out
     * @return mixed what the method answers; null where that is nothing
     * @throws NodeRPC_Service_Exception
     */
    protected function proxyCall(string $method, array $args = [], array $optional = [])
    {
        foreach ($optional as $name => $value) {
            if ($value !== null) {
                $args[$name] = $value;
            }
        }
        $path = static::SERVICE . '/' . $method;
        try {
            $flags = JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION | JSON_UNESCAPED_SLASHES;
            $body = json_encode((object) $args, $flags);
        } catch (JsonException $error) {
            $words = "$path: the arguments cannot be JSON: " . $error->getMessage();
            throw new NodeRPC_Service_Exception($words, 'bad_argument', 0, null, $error);
        }
        [$status, $answer] = $this->post($path, $body);
        if ($status !== 200) {
            throw self::failure($path, $status, $answer);
        }
        if ($answer === '') {
            return null;
        }
        try {
            return json_decode($answer, true, 512, JSON_THROW_ON_ERROR);
        } catch (JsonException $error) {
            $words = "$path was answered with something that is no JSON";
            throw new NodeRPC_Service_Exception($words, 'bad_answer', 200, null, $error);
        }
    }

    /** @return array{int, string} the status, and the body */
    private function post(string $path, string $body): array
    {
        $headers = ['Content-Type: application/json', 'Accept: application/json', 'Connection: close'];
        if ($this->key !== null) {
            $headers[] = 'Authorization: Bearer ' . $this->key;
        }
        $context = stream_context_create(['http' => [
            'method' => 'POST',
            'header' => $headers,
            'content' => $body,
            'protocol_version' => 1.1,
            'timeout' => $this->timeout,
            // The body of an error is what says why; and the key is for this server alone.
            'ignore_errors' => true,
            'follow_location' => 0,
        ]]);
        $why = '';
        // Not `@`, which would leave the words to be looked for where others may have put theirs.
        set_error_handler(static function (int $severity, string $message) use (&$why): bool {
            $why = $why === '' ? $message : $why;
            return true;
        });
        try {
            $stream = fopen($this->base . $path, 'rb', false, $context);
            $answer = $stream ? stream_get_contents($stream, self::MAX_ANSWER + 1) : false;
            $meta = $stream ? stream_get_meta_data($stream) : [];
            if ($stream) {
                fclose($stream);
            }
        } finally {
            restore_error_handler();
        }
        $known = preg_match('#^HTTP/\S+ (\d{3})#', $meta['wrapper_data'][0] ?? '', $line);
        if ($answer === false || !$known || $meta['timed_out']) {
            $why = preg_replace('/^.*?: (?=\S)/', '', $why === '' ? 'the server was silent' : $why);
            throw new NodeRPC_Service_Exception("no answer from $this->base: $why", 'unreachable');
        }
        if (strlen($answer) > self::MAX_ANSWER) {
            throw new NodeRPC_Service_Exception("$path: the answer is too long", 'bad_answer', 200);
        }
        return [(int) $line[1], $answer];
    }

    /** What the server said. */
    private static function failure(
        string $path,
        int $status,
        string $answer
    ): NodeRPC_Service_Exception {
        $error = json_decode($answer, true)['error'] ?? null;
        if (is_string($error['code'] ?? null) && is_string($error['message'] ?? null)) {
            $help = is_string($error['help'] ?? null) ? $error['help'] : null;
            return new NodeRPC_Service_Exception($error['message'], $error['code'], $status, $help);
        }
        $shown = trim(substr($answer, 0, 500));
        $words = "$path was answered with $status: " . ($shown === '' ? 'nothing' : $shown);
        return new NodeRPC_Service_Exception($words, 'bad_answer', $status);
    }
}
