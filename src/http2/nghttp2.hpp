#pragma once
// Libnghttp2, loaded when HTTP/2 is asked for (as libcurl is: decision 0038): a sidecar without it pays nothing. Private to src/http2.

#include <nghttp2/nghttp2.h>

namespace spawner::http2 {

// What we call of it. In this namespace the names are pointers; a function that is missing here is not found by the linker.
// clang-format off
#define SPAWNER_NGHTTP2_FUNCTIONS(X) \
  X(nghttp2_strerror) \
  X(nghttp2_session_callbacks_new) X(nghttp2_session_callbacks_del) X(nghttp2_session_callbacks_set_on_begin_headers_callback) \
  X(nghttp2_session_callbacks_set_on_header_callback) X(nghttp2_session_callbacks_set_on_frame_recv_callback) \
  X(nghttp2_session_callbacks_set_on_invalid_frame_recv_callback) X(nghttp2_session_callbacks_set_on_data_chunk_recv_callback) \
  X(nghttp2_session_callbacks_set_on_stream_close_callback) X(nghttp2_session_callbacks_set_on_frame_send_callback) \
  X(nghttp2_session_callbacks_set_on_frame_not_send_callback) \
  X(nghttp2_option_new) X(nghttp2_option_del) X(nghttp2_option_set_no_auto_window_update) X(nghttp2_option_set_no_closed_streams) \
  X(nghttp2_option_set_max_send_header_block_length) \
  X(nghttp2_option_set_max_outbound_ack) X(nghttp2_option_set_stream_reset_rate_limit) \
  X(nghttp2_session_server_new2) X(nghttp2_session_client_new2) X(nghttp2_session_del) X(nghttp2_session_upgrade2) \
  X(nghttp2_session_mem_recv) X(nghttp2_session_mem_send) X(nghttp2_session_want_read) X(nghttp2_session_want_write) \
  X(nghttp2_session_consume) X(nghttp2_session_resume_data) X(nghttp2_session_set_local_window_size) \
  X(nghttp2_session_get_remote_settings) X(nghttp2_session_get_stream_remote_close) X(nghttp2_session_get_stream_local_close) \
  X(nghttp2_session_get_last_proc_stream_id) \
  X(nghttp2_session_terminate_session) X(nghttp2_submit_settings) X(nghttp2_submit_shutdown_notice) \
  X(nghttp2_submit_goaway) \
  X(nghttp2_submit_ping) X(nghttp2_submit_headers) X(nghttp2_submit_request) X(nghttp2_submit_response) X(nghttp2_submit_trailer) X(nghttp2_submit_rst_stream)
// clang-format on

#define SPAWNER_NGHTTP2_DECLARE(name) extern decltype(&::name) name;
SPAWNER_NGHTTP2_FUNCTIONS(SPAWNER_NGHTTP2_DECLARE)
#undef SPAWNER_NGHTTP2_DECLARE

}  // namespace spawner::http2
