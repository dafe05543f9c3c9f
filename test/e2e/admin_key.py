"""The sweeper's end of the admin protocol (design §9), written anew from its description: Ed25519 by libcrypto, which Spawner itself needs."""

import base64
import ctypes
import ctypes.util
import hashlib
import secrets

ED25519 = 1087  # NID_ED25519


def checked(result):
    if not result:
        raise RuntimeError("libcrypto refused")
    return result


class AdminKey:
    def __init__(self):
        self._crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
        for made in ("EVP_PKEY_new_raw_private_key", "EVP_MD_CTX_new"):
            getattr(self._crypto, made).restype = ctypes.c_void_p
        self._key = ctypes.c_void_p(checked(
            self._crypto.EVP_PKEY_new_raw_private_key(ED25519, None, secrets.token_bytes(32), ctypes.c_size_t(32))))
        public, size = ctypes.create_string_buffer(32), ctypes.c_size_t(32)
        checked(self._crypto.EVP_PKEY_get_raw_public_key(self._key, public, ctypes.byref(size)))
        self.id = hashlib.sha256(public.raw).hexdigest()[:8]
        self.argument = f"{self.id}:{base64.b64encode(public.raw).decode()}"

    def _sign(self, data):
        context = ctypes.c_void_p(checked(self._crypto.EVP_MD_CTX_new()))
        try:
            signature, size = ctypes.create_string_buffer(64), ctypes.c_size_t(64)
            checked(self._crypto.EVP_DigestSignInit(context, None, None, None, self._key))
            checked(self._crypto.EVP_DigestSign(context, signature, ctypes.byref(size), data, ctypes.c_size_t(len(data))))
            return signature.raw
        finally:
            self._crypto.EVP_MD_CTX_free(context)

    def authorization(self, pod_uid, method, target, body=b""):
        """The header's fields that make a command one of this key to that pod."""
        text = f"spawner.dev/admin/v1\n{pod_uid}\n{method}\n{target}\n{hashlib.sha256(body).hexdigest()}"
        return {"authorization": f"Spawner1 {self.id}:{base64.urlsafe_b64encode(self._sign(text.encode())).decode().rstrip('=')}"}
